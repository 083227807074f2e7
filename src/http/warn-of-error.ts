/** The part of Node's `process` that is used. */
interface Warning {
  readonly process?: {
    emitWarning?(message: string, options: { readonly type: string; readonly detail?: string }): void
  }
}

/**
 * Reports an error that no callback receives, as a warning of the process: Node, Bun and Deno write it to standard
 * error. Other platforms have no such place, and it is dropped.
 *
 * @param type - the name of the warning, in camel case.
 */
export function warnOfError(type: string, error: unknown): void {
  const { message, stack } = Object(error) as Partial<Error>
  const detail = typeof stack === 'string' ? { detail: stack } : {}
  ;(globalThis as Warning).process?.emitWarning?.(String(message ?? error), { type, ...detail })
}
