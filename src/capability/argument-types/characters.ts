/**
 * Characters that nobody sees: controls, line and paragraph separators, lone surrogates, and those that turn the
 * direction of writing or show nothing: what Unicode says to ignore when it is not known how to show it, but for the two
 * joiners and the variation selectors that scripts and emoji need.
 */
const visible: RegExp =
  /^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]*$/u

/** Whether text has only characters that are seen, and no line end. */
export function isVisible(text: string): boolean {
  // The grapheme joiner stands apart, as it would join what stands before it in the list above.
  return visible.test(text) && !text.includes('\u034f')
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
