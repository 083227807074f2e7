import { ArgumentError } from 'procura/errors'
import { quote } from '#support/quote.ts'

/** Where a gateway is that has moved to a user of its own. */
export interface MovedGateway {
  /** The new home folder, with an absolute path without control characters. */
  readonly home: string
  /** The name of the user of the new folder. */
  readonly user: string
}

/** The form of the path of a home folder, and of the name of a user. Both become parts of a command for a person. */
export const movedForms: Readonly<Record<keyof MovedGateway, RegExp>> = Object.freeze({
  home: /^\/\P{Cc}{0,1023}$/u,
  user: /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/,
})

/** A home folder whose gateway has moved. */
export class MovedError extends ArgumentError {
  readonly moved: MovedGateway

  constructor(path: string, moved: MovedGateway) {
    super(`the gateway of ${quote(path, 256)} has moved to ${quote(moved.home, 256)}, of the user ${quote(moved.user)}`)
    this.moved = moved
  }
}

/**
 * Refuses a configuration that has moved: agents use another gateway. GTW-81
 *
 * @param path - of `gateway.json`.
 * @param moved - its member with this name.
 * @throws MovedError when the member is there; ArgumentError when it is malformed.
 */
export function checkNotMoved(path: string, moved: unknown): void {
  if (moved === undefined) return
  const { home, user } = Object(moved) as Readonly<Record<string, unknown>>
  const has = (form: RegExp, value: unknown): value is string => typeof value === 'string' && form.test(value)
  if (!has(movedForms.home, home) || !has(movedForms.user, user))
    throw new ArgumentError(
      `\`moved\` in ${quote(path, 256)} must be an object with an absolute \`home\` and a \`user\``,
    )
  throw new MovedError(path, Object.freeze({ home, user }))
}
