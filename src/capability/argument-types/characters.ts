/**
 * Characters that nobody sees: controls, line and paragraph separators, lone surrogates, and those that turn the
 * direction of writing or have no width (with the two joiners that scripts and emoji need left out).
 */
const visible: RegExp =
  /^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e0fff}]*$/u

/** Whether text has only characters that are seen, and no line end. */
export function isVisible(text: string): boolean {
  return visible.test(text)
}

/** Whether text has no half of a surrogate pair, so that it can be written in UTF-8. */
export function isWellFormed(text: string): boolean {
  return /^[^\p{Cs}]*$/u.test(text)
}

/**
 * Whether no character has more than 30 marks on it, as in the stream-safe text format (UAX 15, section 13). No language
 * needs more, and platforms put marks in order in a time that grows with the square of their number.
 */
export function isStreamSafe(text: string): boolean {
  return !/\p{M}{31}/u.test(text)
}

/** Whether text is in normalization form C: of the ways to write the same characters, the composed one. Stream-safe, too. */
export function isComposed(text: string): boolean {
  return isStreamSafe(text) && text.normalize('NFC') === text
}
