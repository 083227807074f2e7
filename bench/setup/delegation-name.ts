/** The CID of a delegation that nobody has made, as text: another one for each number. */
export function delegationName(serial: number): string {
  const letters = serial.toString(16).replace(/./g, (digit) => 'abcdefghijklmnop'[Number.parseInt(digit, 16)] ?? '')
  // 52 letters of five bits are two bits more than a hash has left over: those of the last one, an `a`, are zero.
  return `bafyrei${letters.padStart(51, 'a')}a`
}
