import { createMutex } from '#support/mutex.ts'

/** The configurations of a gateway, one after the other. */
export interface Reloads<Config> {
  /** The configuration that goes on. */
  current(): Config
  /**
   * Takes another configuration.
   *
   * @throws the error of `apply`; the configuration of before goes on then.
   */
  take(next: Config): Promise<void>
  /** Takes the same configuration again, for parts outside of it that have changed. */
  again(): Promise<void>
}

/**
 * Makes the turns: a look at the keys of the page that began before a reload would otherwise end after it, and bring
 * the configuration of before back.
 */
export function createReloads<Config>(first: Config, apply: (config: Config) => Promise<void>): Reloads<Config> {
  const inTurn = createMutex()
  let current = first
  return {
    current: () => current,
    take: (next) =>
      inTurn(async () => {
        await apply(next)
        current = next
      }),
    again: () => inTurn(() => apply(current)),
  }
}
