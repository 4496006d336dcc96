/**
 * Makes kernels for a GPU that is not there. Reads {addon, properties, kernels} as JSON from stdin and writes, as JSON, for
 * each kernel {implementation, workspaceBytes}, or {error}.
 */
import { createRequire } from 'node:module'
import { text } from 'node:stream/consumers'

const { addon, properties, kernels } = JSON.parse(await text(process.stdin))
const device = createRequire(import.meta.url)(addon).createDevice({ index: 0, threads: 0, properties })
const results = []
for (const kernel of kernels) {
  try {
    const [{ implementation, workspaceBytes }] = await device.createKernels([kernel])
    results.push({ implementation, workspaceBytes })
  } catch (error) {
    results.push({ error: error.message })
  }
}
device.dispose()
process.stdout.write(JSON.stringify(results))
