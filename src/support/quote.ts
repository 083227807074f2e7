/**
 * Quotes user input for a message: in backticks, with control and bidi characters escaped, cut after `max` characters.
 * The user information of a URL, which may be a password, is removed. SEC-16
 */
export function quote(input: string, max = 64): string {
  return quoteAll(withoutUserInfo(input), max)
}

/** Like {@link quote}, but keeps the user information of URLs. */
export function quoteAll(input: string, max: number): string {
  const cut = input.length > max ? `${input.slice(0, max)}…` : input
  const shown = cut.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the control characters are what is looked for
    /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff`]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return `\`${shown}\``
}

/**
 * Removes the user information of a URL. A URL parser also finds it after `https:`, `https:/` and `https:\\`. A
 * password that was not encoded may contain a slash or a space.
 */
export function withoutUserInfo(text: string): string {
  const end = text.lastIndexOf('@')
  for (const match of text.slice(0, Math.max(end, 0)).matchAll(authority)) {
    const start = match.index + match[0].length
    if (!plainHost.test(text.slice(start, start + 300))) return `${text.slice(0, start)}…${text.slice(end)}`
  }
  return text
}

/** The text before an authority. */
const authority = /(?:https?|wss?|ftp):[\\/]{0,2}|[\\/]{2}/gi

/** A host with its port, if no `@` follows in it. */
const plainHost = /^[\\/]{0,2}(?:[\w.-]{1,255}|\[[\da-f:.]{2,45}\])(?::\d{0,5})?[\\/?#]/i
