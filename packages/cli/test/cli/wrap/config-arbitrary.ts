import fc from 'fast-check'

/** A configuration, with the secrets in it. */
export interface GeneratedConfig {
  readonly text: string
  readonly secrets: readonly string[]
  /** The servers. */
  readonly value: Readonly<Record<string, unknown>>
}

interface Server {
  readonly name: string
  readonly isHttp: boolean
  readonly secret: string
  readonly args: readonly string[]
  readonly hasArgs: boolean
  readonly extra: unknown
  readonly order: boolean
}

const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: 'grapheme', maxLength: 8 }),
  fc.constantFrom('a', '"', '\\', '//', '/*', '#', ']', '}'),
)
// Not numbers, which objects put first.
const name = text.filter((one) => one !== '' && !/^\d+$/.test(one))
const server: fc.Arbitrary<Server> = fc.record({
  name,
  isHttp: fc.boolean(),
  secret: fc.string({
    unit: fc.constantFrom(...'abcdefghijkmnpqrstuvwxyz23456789"\\/é'),
    minLength: 12,
    maxLength: 40,
  }),
  args: fc.array(
    text.filter((one) => one !== ''),
    { maxLength: 3 },
  ),
  hasArgs: fc.boolean(),
  extra: fc.oneof(fc.boolean(), fc.integer(), text, fc.array(text, { maxLength: 2 })),
  order: fc.boolean(),
})
const servers = fc.uniqueArray(server, { minLength: 1, maxLength: 4, selector: (one) => one.name })

/** White space, and comments where the form has them. */
const gaps = fc.array(fc.constantFrom('', ' ', '\n', '\t', '\r\n', '  ', ' /* } */ ', ' // "x": {\n'), {
  minLength: 1,
  maxLength: 7,
})

/** A configuration of Claude Code in JSON with comments. */
export const jsonConfig: fc.Arbitrary<GeneratedConfig> = fc
  .record({ servers, gaps, trailing: fc.boolean(), mark: fc.boolean(), before: fc.jsonValue({ maxDepth: 2 }) })
  .map(({ servers: list, gaps: spaces, trailing, mark, before }) => {
    const value = Object.fromEntries(list.map((one) => [one.name, serverOf(one)]))
    let turn = 0
    const gap = (): string => spaces[turn++ % spaces.length] ?? ''
    const write = (data: unknown): string => {
      if (typeof data !== 'object' || data === null) return JSON.stringify(data)
      const isList = Array.isArray(data)
      const parts = isList
        ? data.map((item) => `${gap()}${write(item)}${gap()}`)
        : Object.entries(data).map(
            ([key, item]) => `${gap()}${JSON.stringify(key)}${gap()}:${gap()}${write(item)}${gap()}`,
          )
      const comma = trailing && parts.length > 0 ? `,${gap()}` : ''
      return `${isList ? '[' : '{'}${parts.join(',')}${comma}${gap()}${isList ? ']' : '}'}`
    }
    const whole = `{${gap()}"before"${gap()}:${write(before)},${gap()}"mcpServers":${write(value)}}`
    const secrets = list.map((one) => JSON.stringify(one.secret).slice(1, -1))
    return {
      text: `${mark ? '\ufeff' : ''}${gap()}${whole}${gap()}`,
      secrets: secrets.filter((one) => !write(before).includes(one)),
      value,
    }
  })

function serverOf({ isHttp, secret, args, hasArgs, extra, order }: Server): object {
  const own = isHttp
    ? {
        type: 'http',
        url: 'https://api.example.com/mcp',
        headers: { 'X-Version': '2', Authorization: `x${secret.replace(/[^ -~]/g, '')}x` },
      }
    : { command: 'node', ...(hasArgs && { args }), env: { A_KEY: secret, B: 'true' } }
  return order ? { extra, ...own } : { ...own, extra }
}

/** A configuration of Codex. */
export const tomlConfig: fc.Arbitrary<GeneratedConfig> = fc
  .record({
    servers,
    eol: fc.constantFrom('\n', '\r\n'),
    mark: fc.boolean(),
    comments: fc.array(fc.constantFrom('', ' # [x]', ' # "', ' #'), { minLength: 1, maxLength: 5 }),
    blank: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 5 }),
    inline: fc.boolean(),
  })
  .map(({ servers: list, eol, mark, comments, blank, inline }) => {
    let turn = 0
    const end = (): string =>
      `${comments[turn % comments.length]}${eol.repeat(1 + (blank[turn++ % blank.length] ?? 0))}`
    const quote = (one: string): string => JSON.stringify(one).replaceAll('\u007f', '\\u007f')
    const pairs = (one: Server): readonly string[] => {
      const env = one.isHttp
        ? `http_headers = { Authorization = ${quote(`x${one.secret.replace(/[^ -~]/g, '')}x`)} }`
        : `env = { A_KEY = ${quote(one.secret)}, B = "true" }`
      const args = one.hasArgs && !one.isHttp ? [`args = [${one.args.map(quote).join(', ')}]`] : []
      const first = one.isHttp ? 'url = "https://api.example.com/mcp"' : 'command = "node"'
      return one.order ? [`startup_timeout_sec = 1`, first, env, ...args] : [env, ...args, first, 'enabled = true']
    }
    const tables = list.map((one, at) =>
      inline && at === 0
        ? `[mcp_servers]${end()}${quote(one.name)} = { ${pairs(one).join(', ')} }${end()}`
        : `[mcp_servers.${quote(one.name)}]${end()}${pairs(one)
            .map((pair) => `${pair}${end()}`)
            .join('')}`,
    )
    const text = `${mark ? '\ufeff' : ''}model = "x"${end()}${tables.join('')}[other]${end()}a = [1, 2]${end()}`
    return { text, secrets: list.map((one) => quote(one.secret).slice(1, -1)), value: {} }
  })
