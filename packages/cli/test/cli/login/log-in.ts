import { run } from '../../../src/cli/run.ts'
import type { CliResult } from '../run-cli.ts'
import type { OauthWorld } from './oauth-world.ts'

/** How a person answers a login. */
export interface Person {
  /** The browser. Default: a person who logs in and consents. */
  readonly browser?: (page: URL) => Promise<unknown>
  /** Answers of the terminal. Without it, standard input is no terminal. */
  readonly typed?: (question: string, signal: AbortSignal | undefined) => Promise<string | undefined>
  readonly input?: string
}

/** Runs `procura login` with a browser, and checks that it prints no token. */
export async function logIn(
  world: OauthWorld,
  home: string,
  words: readonly string[] = ['mail'],
  { browser = (page) => world.visit(page), typed, input = '' }: Person = {},
): Promise<CliResult & { readonly pages: readonly URL[] }> {
  const [out, err]: [string[], string[]] = [[], []]
  const pages: URL[] = []
  const code = await run(['login', ...words, '--home', home], {
    env: {},
    print: (line) => void out.push(line),
    complain: (line) => void err.push(line),
    isTerminal: typed !== undefined,
    readInput: async () => Buffer.from(input),
    askHidden: async (question, signal) => {
      const answer = await typed?.(question, signal)
      return answer === undefined ? undefined : Buffer.from(answer)
    },
    async openBrowser(page) {
      pages.push(page)
      void browser(page)
      return true
    },
  })
  const said = out.join('\n') + err.join('\n')
  const token = world.tokens.find((one) => said.includes(one))
  if (token !== undefined) throw new Error('it printed a token')
  return { code, out: out.join('\n'), err: err.join('\n'), pages }
}
