/** A message of an SSH agent: its length, its type and its fields. */
export function frame(type: number, ...fields: readonly Buffer[]): Buffer {
  return field(Buffer.concat([Buffer.of(type), ...fields]))
}

/** A string of SSH: its length and its bytes. */
export function field(content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content as Uint8Array)
  return Buffer.concat([uint32(bytes.length), bytes])
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
