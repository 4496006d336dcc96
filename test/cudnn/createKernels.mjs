/**
 * Makes kernels for a GPU that is not there. Reads {addon, properties, kernels} as JSON from stdin and writes, as JSON, for
 * each kernel {implementation, workspaceBytes}, or {error}.
 */
import { createRequire } from 'node:module'
import { text } from 'node:stream/consumers'

const { addon, properties, kernels } = JSON.parse(await text(process.stdin))
const device = createRequire(import.meta.url)(addon).createDevice({ index: 0, threads: 0, properties })
const make = async (some) =>
  (await device.createKernels(some)).map(({ implementation, workspaceBytes }) => ({ implementation, workspaceBytes }))
// All at once, side by side; if there is none of one, each alone.
const results = await make(kernels).catch(async () => {
  const each = []
  for (const kernel of kernels) each.push(...(await make([kernel]).catch(({ message }) => [{ error: message }])))
  return each
})
device.dispose()
process.stdout.write(JSON.stringify(results))
