/**
 * Why a store was not opened:
 * `old-bolt-file` the ancestor's cache; `newer` written by a later version of ours; `foreign` something else altogether;
 * `damaged` cut short or overwritten; `locked` another process has it; `unusable` the system does not let us.
 */
export type StoreFileFault = 'old-bolt-file' | 'newer' | 'foreign' | 'damaged' | 'locked' | 'unusable'

/** What was found stands as it was; the message is one sentence for the operator. */
export class StoreFileError extends Error {
  override readonly name = 'StoreFileError'
  readonly fault: StoreFileFault

  constructor(fault: StoreFileFault, sentence: string, options?: ErrorOptions) {
    super(sentence, options)
    this.fault = fault
  }
}

export function damaged(path: string, how: string): StoreFileError {
  return new StoreFileError('damaged', `the store ${path} is damaged: ${how}; move it away, and addresses are learnt anew`)
}

export function foreign(path: string): StoreFileError {
  return new StoreFileError('foreign', `${path} is not a dnstap-bgp store; move it away or set \`cache\` to another path`)
}
