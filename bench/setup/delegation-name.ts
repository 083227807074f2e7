/** The CID of an imaginary delegation, as text: a different one for each number. */
export function delegationName(serial: number): string {
  const letters = serial.toString(16).replace(/./g, (digit) => 'abcdefghijklmnop'[Number.parseInt(digit, 16)] ?? '')
  // 52 letters of five bits contain two bits more than a hash: the bits of the last letter, an `a`, are zero.
  return `bafyrei${letters.padStart(51, 'a')}a`
}

/** The key of the first limit of an imaginary delegation, with the number in the part of the hash that stores keep. */
export function limitName(serial: number): string {
  const letters = [20, 16, 12, 8, 4, 0].map((shift) => 97 + ((serial >> shift) & 15))
  return `bafyreia${String.fromCharCode(...letters)}abcdefghijklmnopqrstuvwxyz234567abcdefghijkla.0`
}
