/** A text with its name. */
export interface NamedValue {
  readonly name: string
  readonly value: string
}

/**
 * Lists the strings in an object or a list, at any depth, with the names that lead there. In
 * `{ "name": "Authorization", "value": "…" }`, and in a list with `--api-key` before a string, those are the names.
 */
export function textLeavesOf(name: string, data: object): readonly NamedValue[] {
  const leaves: NamedValue[] = []
  // Not a function that calls itself: the depth of JSON is limited by its length alone.
  const open: { readonly name: string; readonly value: unknown }[] = [{ name, value: data }]
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    const { value } = one
    if (typeof value === 'string') leaves.push({ name: one.name, value })
    if (typeof value !== 'object' || value === null) continue
    const inner: [string, unknown][] = Array.isArray(value)
      ? value.map((item, at) => [optionIn(value[at - 1]), item])
      : fieldsOf(value as Readonly<Record<string, unknown>>)
    for (const [field, item] of inner) open.push({ name: `${one.name}.${field}`, value: item })
  }
  return leaves
}

function fieldsOf(given: Readonly<Record<string, unknown>>): [string, unknown][] {
  const fields = Object.entries(given)
  const naming = ['name', 'key', 'header'].find((field) => typeof given[field] === 'string')
  if (naming === undefined || typeof given['value'] !== 'string') return fields
  const others = fields.filter(([field]) => field !== naming && field !== 'value')
  return [[given[naming] as string, given['value']], ...others]
}

function optionIn(before: unknown): string {
  return typeof before === 'string' && /^--?[A-Za-z][\w-]{0,60}$/.test(before) ? before : ''
}

/**
 * The values of `name=value`, `Name: value` and `--name value` in a text, such as a list of headers. A value is one
 * word, a text in quotation marks, or two words, such as `Bearer` and a token.
 */
export function namedValuesIn(text: string): readonly NamedValue[] {
  const found: NamedValue[] = []
  // The name before the present word, and the first word of its value.
  let open: { readonly name: string; readonly first?: string } | undefined
  let before = ''
  const take = (value: string): void => {
    const { name } = open ?? {}
    if (name !== undefined) found.push(...decodings(value).map((one) => ({ name, value: one })))
  }
  const takeWord = (word: string): void => {
    const [name, value = ''] = partsOf(word)
    // A key in base64 for URLs may begin like an option.
    const isOption = /^--?[A-Za-z]/.test(word) && !(/[A-Z]/.test(word) && /[0-9]/.test(word))
    // Base64 ends like the name of a value in quotation marks.
    const isWhole = name === undefined ? !isOption : /^[^=]*==?$/.test(word)
    if (open !== undefined && open.first === undefined && !isOption && !word.endsWith(':')) take(word)
    const isScheme = /^(?:basic|bearer|bot|token)$/i.test(open?.first ?? '')
    if (isScheme || (isWhole && /^[A-Za-z]{3,20}$/.test(open?.first ?? ''))) take(`${open?.first} ${word}`)
    if (name !== undefined) {
      open = { name, ...(value !== '' && { first: value }) }
      take(value)
    } else if (isOption) open = { name: word }
    else open = open !== undefined && open.first === undefined ? { ...open, first: word } : undefined
  }

  for (const [word] of text.matchAll(/"[^"]{0,9999}"|'[^']{0,9999}'|[^\s,;&"']{1,99999}|[,;&\n]/g)) {
    const plain = word.replace(/^["']/, '').replace(/["']$/, '')
    if (/^["']/.test(word)) {
      if (open?.first === undefined) take(plain)
      // An option whose value is a header.
      found.push(...namedValuesIn(plain))
      open = undefined
    } else if (/^[,;&\n]$/.test(word)) open = undefined
    else {
      const value = word.replace(/^[=:]/, '')
      if (value !== word) open = { name: before }
      if (value !== '') takeWord(value)
    }
    before = plain
  }
  return [...found, ...undividedIn(text)]
}

/**
 * The values with a comma, a semicolon, an ampersand or a quotation mark in them, such as a password, and those of the
 * header `Cookie`. They end at a semicolon, at white space or with the line.
 */
function undividedIn(text: string): readonly NamedValue[] {
  const words = text.split(/\s+/)
  const options = words.map((word, at) =>
    /^--?[A-Za-z][\w-]{0,60}$/.test(word) ? `${word}=${words[at + 1] ?? ''}` : '',
  )
  return [...text.split(/[;\n]/), ...words, ...options, ...text.split('\n')].flatMap((part) => {
    const [, name = '', value = ''] = /^\s*(?:export )?-{0,2}([A-Za-z][\w.-]{0,60})\s*[=:]\s*(\S.*)$/s.exec(part) ?? []
    const isUndivided =
      /^(?:[A-Za-z]{3,20} )?[^\s"']\S*\s*$/.test(value) && /[,;&"']/.test(value) && !hasName.test(value)
    return isUndivided || /^cookie$/i.test(name) ? [{ name, value: value.trim() }] : []
  })
}

/** Another name after a comma, and not the end of base64. */
const hasName = /[,;&]["']?[A-Za-z][\w.-]{0,60}["']?[=:][^\s=]/

/** The name and the value of `name=value` and `name:value`, also behind a scope, such as in `.npmrc`. */
function partsOf(word: string): readonly (string | undefined)[] {
  const [, name, value] = /^[({]?-{0,2}([A-Za-z][\w.-]{0,60})[=:](.*)$/s.exec(word) ?? []
  const equals = word.indexOf('=')
  if (name !== undefined || equals < 0) return [name, value]
  return [/[A-Za-z][\w.-]{0,60}$/.exec(word.slice(0, equals))?.[0], word.slice(equals + 1)]
}

/** A value as it is, and without percent-encoding where it has one. */
export function decodings(text: string): readonly string[] {
  try {
    return [...new Set([text, decodeURIComponent(text)])]
  } catch {
    return [text]
  }
}
