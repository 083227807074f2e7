/**
 * Lists a text as common encoders write it into JSON strings and into HTML: they escape different characters, and in
 * different ways.
 *
 * @returns the text itself alone if it needs no escape.
 */
export function escapedForms(text: string): readonly string[] {
  const json = JSON.stringify(text).slice(1, -1)
  const ascii = escaped(json, notAscii, lowerCase)
  const once = [
    json,
    json.replaceAll('/', '\\/'),
    // Python, and PHP.
    ascii,
    ascii.replaceAll('/', '\\/'),
    // Go and Ruby on Rails; Jackson and Gson with their settings for HTML.
    escaped(json, /[<>&\u2028\u2029]/g, lowerCase),
    escaped(json, /[<>&'=\u2028\u2029]/g, lowerCase),
    // .NET.
    escaped(json.replaceAll('\\"', '\\u0022'), /[<>&'+`\u007f-\uffff]/g, upperCase),
  ]
  // A text of JSON is often a string of another one, such as in a result of MCP.
  const twice = once.map((form) => JSON.stringify(form).slice(1, -1))
  return [
    ...once,
    ...twice,
    ...twice.map((form) => escaped(form, notAscii, lowerCase)),
    ...htmlStyles.map((style) => text.replace(/[&<>"'+/=`]/g, (character) => style.get(character) ?? character)),
  ]
}

/** All that is not ASCII, in UTF-16 units. */
const notAscii = /[\u0080-\uffff]/g

function escaped(json: string, characters: RegExp, hex: (code: number) => string): string {
  return json.replace(characters, (character) => `\\u${hex(character.charCodeAt(0)).padStart(4, '0')}`)
}

const lowerCase = (code: number): string => code.toString(16)
const upperCase = (code: number): string => code.toString(16).toUpperCase()

const always = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }
const [quot, tick] = ['&quot;', '&#39;']

/** References for characters, as common encoders write them. */
const htmlStyles: readonly ReadonlyMap<string, string>[] = Object.freeze(
  [
    {},
    { '"': quot },
    { '"': quot, "'": tick },
    { '"': quot, "'": '&#x27;' },
    { '"': quot, "'": '&#039;' },
    { '"': quot, "'": '&apos;' },
    { '"': '&#34;', "'": tick },
    { '"': '&#34;', "'": tick, '+': '&#43;' },
    { '"': quot, "'": '&#x27;', '+': '&#x2B;' },
    { '"': quot, "'": '&#x27;', '`': '&#x60;', '=': '&#x3D;' },
    { '"': quot, "'": tick, '`': '&#x60;', '=': '&#x3D;', '/': '&#x2F;' },
  ].map((style) => new Map(Object.entries({ ...always, ...style }))),
)
