/** Message.Type of proto/dnstap.proto. */
export const MessageType = {
  AUTH_QUERY: 1,
  AUTH_RESPONSE: 2,
  RESOLVER_QUERY: 3,
  RESOLVER_RESPONSE: 4,
  CLIENT_QUERY: 5,
  CLIENT_RESPONSE: 6,
  FORWARDER_QUERY: 7,
  FORWARDER_RESPONSE: 8,
  STUB_QUERY: 9,
  STUB_RESPONSE: 10,
  TOOL_QUERY: 11,
  TOOL_RESPONSE: 12,
  UPDATE_QUERY: 13,
  UPDATE_RESPONSE: 14,
} as const

export type MessageTypeName = keyof typeof MessageType

/** The name of a type as in dnstap.proto; undefined for 0 (none, or one unknown to us). */
export function messageTypeName(type: number): MessageTypeName | undefined {
  return NAMES[type]
}

const NAMES: readonly (MessageTypeName | undefined)[] = Object.entries(MessageType).reduce<(MessageTypeName | undefined)[]>(
  (names, [name, number]) => {
    names[number] = name as MessageTypeName
    return names
  },
  [],
)
