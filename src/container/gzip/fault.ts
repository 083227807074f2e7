/** Why bytes were not inflated: not one whole gzip member, or too long when inflated. */
export type InflateFault = 'not_gzip' | 'too_large'
