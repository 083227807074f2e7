/**
 * Puts user input into a message: in backticks, control and bidi characters escaped, cut at `max` characters. The user
 * information of a URL, which may be a password, is left out.
 */
export function quote(given: string, max = 64): string {
  const input = given.replace(/\/\/[^/?#\s]*@/g, '//…@')
  const cut = input.length > max ? `${input.slice(0, max)}…` : input
  const shown = cut.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the control characters are what is looked for
    /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff`]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return `\`${shown}\``
}
