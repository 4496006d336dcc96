/**
 * Inference with NiN from an input that is there to logits that are read back, against onnxruntime on the model that
 * PyTorch exports from the same weights.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { NiN } from 'mlpconv'
import { z } from 'zod'
import { type Context, ourTrial, peerScript } from './context.js'
import { missingOnnxruntime, missingPackages } from './peers/environment.js'
import type { Benchmark, TrialResult } from './runner.js'

export const inferenceOptions = z.strictObject({
  /** Both have the same values. */
  weights: z.string(),
  model: z.string(),
  /** [N, C, H, W] */
  shape: z.tuple([z.int(), z.int(), z.int(), z.int()]),
  /** Least seconds of a timed repeat. */
  seconds: z.number(),
  repeats: z.int().positive(),
  threads: z.int().positive(),
})

type InferenceOptions = z.infer<typeof inferenceOptions>

export function inferenceBenchmarks(context: Context): Benchmark[] {
  const { tiny, repeats, threads, folder, peers } = context
  return [1, 64].map((batch) => {
    const [count, size] = tiny ? [Math.min(batch, 2), 96] : [batch, 224]
    const options: InferenceOptions = {
      weights: join(folder, 'nin.safetensors'),
      model: join(folder, `nin-${String(count)}.onnx`),
      shape: [count, 1, size, size],
      seconds: tiny ? 0 : 1,
      repeats,
      threads,
    }
    const absent = missingOnnxruntime(peers) ?? missingPackages(peers, ['torch', 'onnx', 'onnxscript'])
    const peer = {
      name: 'onnxruntime',
      program: process.execPath,
      args: () => [join(import.meta.dirname, 'peers', 'onnxruntime.js'), peers.onnxruntime ?? '', JSON.stringify(options)],
    }
    return {
      lines: { [`inference at 224, batch ${String(batch)}`]: 'imagesPerSecond' },
      prepare: async () => {
        await new NiN().save(options.weights)
        if (absent === undefined) await exportModel(peers.python!.interpreter, options)
      },
      ours: ourTrial('inference', options),
      peers: absent === undefined ? [peer] : { absent },
      compare: requireSameLogits,
    }
  })
}

async function exportModel(interpreter: string, { weights, model, shape }: InferenceOptions): Promise<void> {
  await promisify(execFile)(interpreter, [peerScript('export_onnx.py'), JSON.stringify({ weights, model, shape })])
}

/** How far apart the logits may be: both round in float32. */
const tolerance = 1e-4

/** Throws if the logits differ by more than the tolerance in the relative L2 norm. */
export function requireSameLogits({ logits: ours }: TrialResult, { logits: peer }: TrialResult): void {
  if (!Array.isArray(ours) || !Array.isArray(peer) || ours.length !== peer.length) throw new Error('expected as many logits of both')
  const difference = Math.hypot(...ours.map((value, i) => value - peer[i]!)) / Math.hypot(...peer)
  if (difference <= tolerance) return
  throw new Error(`the logits of both differ by ${difference.toExponential(1)} in the relative L2 norm, expected ${String(tolerance)} at most`)
}
