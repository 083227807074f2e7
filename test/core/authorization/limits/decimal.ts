/** A decimal as a whole number of 10^-15: exact, and without the code of the library. */
export function decimal(text: string): bigint {
  const [whole = '', fraction = ''] = text.split('.')
  return BigInt(whole) * 10n ** 15n + BigInt(fraction.padEnd(15, '0'))
}
