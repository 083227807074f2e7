/** Why there is no connection to a server. */
export type UpstreamErrorCode = 'server_unavailable' | 'credential_unavailable'

/** There is no connection to a server. The message is for the person at the client: it contains no secret. */
export class UpstreamError extends Error {
  readonly code: UpstreamErrorCode

  constructor(code: UpstreamErrorCode, message: string) {
    super(message)
    this.name = 'UpstreamError'
    this.code = code
  }
}
