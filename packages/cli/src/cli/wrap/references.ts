// node only: works with parts that use files
import type { ReferenceStyle } from '../clients/client.ts'

/** Values that strings of a configuration refer to. */
export interface ReferenceValues {
  /** Environment variables; undefined when they must not be read. */
  readonly env: Readonly<Record<string, string | undefined>> | undefined
  /** The home folder of the user. */
  readonly userHome: string
  /** The folder of the project, if the file belongs to one. */
  readonly workspaceFolder: string | undefined
  /** Answers of the user, by the name of the input. */
  readonly inputs: ReadonlyMap<string, string>
}

/** A string without references, or the names that have no value. */
export interface Expansion {
  readonly text: string
  /** Whether it contains the value of an environment variable or an answer of the user. */
  readonly filled: boolean
  /** As they are written, such as `${input:token}`. */
  readonly missing: readonly string[]
}

const shell = /\$\{([A-Za-z_]\w{0,127})(?::-([^}]{0,4096}))?\}/g
const named = /\$\{([A-Za-z/]{1,64})(?::([^}]{0,4096}))?\}/g

/** Puts values into the references of a string, as the client would when it starts the server. WRP-06 */
export function expandReferences(text: string, style: ReferenceStyle, values: ReferenceValues): Expansion {
  const missing: string[] = []
  let filled = false
  const fill = (written: string, value: string | undefined): string => {
    if (value === undefined) missing.push(written)
    else filled = true
    return value ?? written
  }
  if (style === 'none') return { text, filled, missing }
  const expanded =
    style === 'shell'
      ? text.replace(shell, (_, name: string, fallback?: string) =>
          // A default may be secret, so it is not part of the name.
          fill(`\${${name}}`, values.env === undefined ? undefined : (values.env[name] ?? fallback)),
        )
      : text.replace(named, (written, kind: string, name?: string) => {
          if (kind === 'env' && name?.includes(':') === true) {
            // A default may be secret, and these clients do not know the form.
            missing.push(`\${env:${name.slice(0, name.indexOf(':'))}:-…}`)
            return written
          }
          if (kind === 'env')
            return fill(written, values.env === undefined ? undefined : (values.env[name ?? ''] ?? ''))
          if (kind === 'input') return fill(written, values.inputs.get(name ?? ''))
          const place = placeOf(kind, name, values)
          if (place === undefined) missing.push(name === undefined ? written : `\${${kind}:…}`)
          return place ?? written
        })
  return { text: expanded, filled, missing }
}

function placeOf(kind: string, name: string | undefined, values: ReferenceValues): string | undefined {
  if (name !== undefined) return undefined
  if (kind === 'userHome') return values.userHome
  if (kind === 'workspaceFolder' || kind === 'workspaceRoot') return values.workspaceFolder
  if (kind === 'workspaceFolderBasename') return values.workspaceFolder?.split('/').at(-1)
  return kind === 'pathSeparator' || kind === '/' ? '/' : undefined
}

/** The names of the inputs that a string refers to. */
export function inputsIn(text: string, style: ReferenceStyle): readonly string[] {
  if (style !== 'named') return []
  return [...text.matchAll(named)].flatMap(([, kind, name]) => (kind === 'input' && name !== undefined ? [name] : []))
}

/** The refusal of a server with references that have no value. */
export function refersTo(missing: readonly string[], where: string): string {
  const names = [...new Set(missing)].join(', ')
  if (missing.some((one) => one.startsWith('${input:')))
    return `${where} refers to ${names}, for which the client asks; run this at a terminal, which asks for it once`
  if (missing.some((one) => one.endsWith(':-…}')))
    return `${where} refers to ${names}, and the client has no defaults in references; write the variable alone`
  return `${where} refers to ${names}; pass --from-env to take its value from the environment of this command`
}
