/** Whether requests to a URL are confidential: encrypted, or to this machine. */
export function isConfidential({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || (protocol === 'http:' && loopback.has(hostname))
}

/** Names that never leave the machine. `localhost` resolves to loopback (RFC 6761, section 6.3). */
const loopback: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])
