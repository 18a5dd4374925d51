export {
  ControlType,
  DNSTAP_CONTENT_TYPE,
  MAX_CONTENT_TYPE_LENGTH,
  MAX_CONTROL_LENGTH,
  decodeControl,
  encodeControl,
  encodeData,
} from './control-frame.ts'
export type { ControlFrame } from './control-frame.ts'
export { DEFAULT_MAX_FRAME_LENGTH, FrameStreamReader } from './reader.ts'
export type { FrameStreamHandler, FrameStreamOptions, FrameStreamState, StreamRefusal } from './reader.ts'
