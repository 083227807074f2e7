import { ArgumentError } from '../../errors.ts'
import { quietly } from '../../support/quietly.ts'

/** An in-process server of the Claude Agent SDK: the result of `createSdkMcpServer`. */
export interface ClaudeToolServer {
  readonly name: string
  readonly instance: { connect(transport: never): Promise<void> }
}

/** A request for a tool, as it arrives. */
export interface IncomingCall {
  readonly name: string
  readonly args: Readonly<Record<string, unknown>>
  readonly meta: unknown
}

/** How incoming calls are signed. */
export interface IncomingSigning {
  /** The key of `_meta`. */
  readonly key: string
  /** Signs a call, or gives the reason of its refusal. */
  readonly signed: (call: IncomingCall) => Promise<{ readonly container: string } | { readonly message: string }>
}

interface Message {
  readonly method?: unknown
  readonly id?: unknown
  readonly params?: Readonly<Record<string, unknown>>
}

interface Transport {
  onmessage?: ((message: Message, ...rest: unknown[]) => void) | undefined
  onerror?: ((error: unknown) => void) | undefined
  send(message: unknown): Promise<void>
}

/**
 * Puts the container of each call into its request, between the transport and the server.
 *
 * @throws ArgumentError when the server is not one of the SDK.
 */
export function signIncoming(server: ClaudeToolServer, signing: IncomingSigning): void {
  const instance = Object(Object(server).instance) as ClaudeToolServer['instance']
  const { connect } = instance
  if (typeof connect !== 'function')
    throw new ArgumentError('sign: `server` must be an in-process server, made by createSdkMcpServer')
  const connectSigning = (transport: Transport): Promise<void> => {
    let deliver: Transport['onmessage']
    const intercept: Transport['onmessage'] = (message, ...rest) => {
      if (message.method !== 'tools/call') return deliver?.call(transport, message, ...rest)
      void signMessage(message, signing)
        .then((signed) =>
          'message' in signed
            ? deliver?.call(transport, signed.message, ...rest)
            : refuse(transport, message, signed.refusal),
        )
        // A transport whose other side is gone takes no answer, and must not end the process.
        .catch((error: unknown) => quietly(() => transport.onerror?.(error)))
    }
    // From the first message on: the server sets its callback while it connects.
    Object.defineProperty(transport, 'onmessage', {
      get: () => deliver && intercept,
      set: (callback: Transport['onmessage']) => {
        deliver = callback
      },
      configurable: true,
      enumerable: true,
    })
    return connect.call(instance, transport as never)
  }
  Object.defineProperty(instance, 'connect', { value: connectSigning, configurable: true, writable: true })
}

async function signMessage(
  message: Message,
  { key, signed }: IncomingSigning,
): Promise<{ readonly message: Message } | { readonly refusal: string }> {
  const params = message.params ?? {}
  const { name, arguments: args = {}, _meta: meta } = params
  try {
    const answer = await signed({ name: String(name), args: args as IncomingCall['args'], meta })
    if ('message' in answer) return { refusal: answer.message }
    return { message: { ...message, params: { ...params, _meta: { ...Object(meta), [key]: answer.container } } } }
  } catch (error) {
    return { refusal: `the call could not be signed: ${error instanceof Error ? error.message : 'unknown error'}` }
  }
}

/** The refusal is the result of the tool, so that the model receives the reason. */
async function refuse(transport: Transport, { id }: Message, text: string): Promise<void> {
  const result = { isError: true, content: [{ type: 'text', text }] }
  await transport.send({ jsonrpc: '2.0', id, result })
}
