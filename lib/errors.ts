/** Every error that mlpconv throws by itself: a class to catch, a stable `code` to compare. */

/** The codes, one per class. They never change their meaning. */
export type ErrorCode =
  | 'ERR_SHAPE'
  | 'ERR_DTYPE'
  | 'ERR_OPTION'
  | 'ERR_DEVICE'
  | 'ERR_OUT_OF_MEMORY'
  | 'ERR_DISPOSED'
  | 'ERR_DATA'
  | 'ERR_CHECKPOINT'
  | 'ERR_NON_FINITE_LOSS'

/** The base of all of them: what was expected, what came, what to do. */
export abstract class MlpconvError extends Error {
  abstract readonly code: ErrorCode
  override get name(): string {
    return this.constructor.name
  }
}

/** A tensor's shape does not fit the operation. */
export class ShapeError extends MlpconvError {
  readonly code = 'ERR_SHAPE'
}

/** A tensor's or typed array's element type does not fit the operation. */
export class DTypeError extends MlpconvError {
  readonly code = 'ERR_DTYPE'
}

/** An option or argument is missing, of the wrong type or out of range. */
export class OptionError extends MlpconvError {
  readonly code = 'ERR_OPTION'
}

/** A device is not there, cannot be used, or failed. */
export class DeviceError extends MlpconvError {
  readonly code = 'ERR_DEVICE'
}

/** The device has too little free memory. The process and the device go on. */
export class OutOfMemoryError extends MlpconvError {
  readonly code = 'ERR_OUT_OF_MEMORY'
  constructor(
    message: string,
    /** Bytes that were asked for. */
    readonly neededBytes: number,
    /** Bytes that were free. */
    readonly freeBytes: number,
  ) {
    super(message)
  }
}

/** A tensor, plan or device was used after its `dispose()`. */
export class DisposedError extends MlpconvError {
  readonly code = 'ERR_DISPOSED'
}

/** A data set or a file of data is missing, damaged or does not fit. */
export class DataError extends MlpconvError {
  readonly code = 'ERR_DATA'
}

/** A checkpoint cannot be read or written, or belongs to another architecture. */
export class CheckpointError extends MlpconvError {
  readonly code = 'ERR_CHECKPOINT'
}

/** The training loss became NaN or infinite. */
export class NonFiniteLossError extends MlpconvError {
  readonly code = 'ERR_NON_FINITE_LOSS'
  constructor(
    message: string,
    /** The optimizer step (from 0) whose loss was the first not to be finite. */
    readonly step: number,
  ) {
    super(message)
  }
}
