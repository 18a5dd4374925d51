export { LOWER_CASE, MAX_LABEL_LENGTH, MAX_NAME_LENGTH, nameLength, nameToText, textToName } from './name.ts'
export { encodeQuery, QueryType } from './query.ts'
export {
  MAX_ADDRESSES,
  MAX_CHAIN_LENGTH,
  MAX_LINKS,
  ResponseFault,
  ResponseReader,
  responseFaultName,
} from './response-reader.ts'
export type { ResponseFaultName } from './response-reader.ts'
