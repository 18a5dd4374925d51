/**
 * Why a store file was not opened:
 * `old-bolt-file` the ancestor's cache; `newer` written by a later version of ours; `foreign` something else altogether;
 * `damaged` cut short or overwritten; `locked` another process has it; `unusable` the system does not let us.
 */
export type StoreFileFault = 'old-bolt-file' | 'newer' | 'foreign' | 'damaged' | 'locked' | 'unusable'

/** The file stands as it was found; the message is one sentence for the operator. */
export class StoreFileError extends Error {
  override readonly name = 'StoreFileError'
  readonly fault: StoreFileFault

  constructor(fault: StoreFileFault, sentence: string, options?: ErrorOptions) {
    super(sentence, options)
    this.fault = fault
  }
}
