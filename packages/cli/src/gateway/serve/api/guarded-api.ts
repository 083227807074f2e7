// node only: works with parts that use files
import { defineCommand } from 'procura'
import type { StandardSchema } from 'procura/arguments'
import type { GuardedCommand } from 'procura/guard'
import { type RequestParts, requestArguments } from 'procura/http/binding'
import { proxyTo } from 'procura/http/proxy'
import { type BoundCommand, type CommandHandler, on } from 'procura/service'
import type { ApiConfig } from '../../configuration/read-gateway-config.ts'
import { apiCommand } from './api-command.ts'

/** The command of an API, which accepts its methods and paths alone. GTW-60 */
function commandOfApi(name: string, { methods, paths, secretHeaders }: ApiConfig): GuardedCommand<RequestParts> {
  const args = requestArguments()
  const definition = defineCommand({
    command: apiCommand(name),
    args: {
      ...args,
      method: narrowed(args.method, 'one of the `methods` of the API', (method) => methods.includes(method)),
      path: narrowed(args.path, 'below one of the `paths` of the API', (path) => isBelow(path, paths)),
    },
  })
  // The query and the body are not recorded in clear: they are where a request has its data.
  return { ...definition, credential: secretHeaders.credential, show: ['method', 'path'] }
}

/** The command with its handler, which sends the request with the credential. */
export function boundApi(name: string, config: ApiConfig): BoundCommand<RequestParts> {
  return on(commandOfApi(name, config), proxyOfApi(config))
}

/** The handler, which sends the request with the headers of the client that the API lists. */
export function proxyOfApi({ origin, headers }: ApiConfig): CommandHandler<RequestParts, Response> {
  return proxyTo({ upstream: origin, ...(headers !== undefined && { headers }) })
}

/** Compares whole segments: `/v1` does not cover `/v10`. */
function isBelow(path: string, paths: readonly string[] | undefined): boolean {
  return paths === undefined || paths.some((one) => path === one || path.startsWith(`${one}/`))
}

function narrowed(
  schema: StandardSchema<string>,
  what: string,
  isPermitted: (value: string) => boolean,
): StandardSchema<string> {
  const { validate } = schema['~standard']
  return Object.freeze({
    '~standard': Object.freeze({
      version: 1 as const,
      vendor: 'procura',
      validate(value: unknown) {
        const result = validate(value)
        return isRefused(result) || isPermitted(value as string) ? result : { issues: [{ message: `is not ${what}` }] }
      },
    }),
  }) as StandardSchema<string>
}

function isRefused(result: unknown): boolean {
  return Object(result).issues !== undefined
}
