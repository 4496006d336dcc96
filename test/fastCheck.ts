/**
 * Property tests draw the same cases each time, so that a run repeats; FAST_CHECK_SEED=N draws others. A failure prints
 * its seed and path.
 */
import fc from 'fast-check'

fc.configureGlobal({ seed: Number(process.env['FAST_CHECK_SEED'] ?? 1) })
