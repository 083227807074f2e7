import { killsOfRenew } from './renew-kills.ts'

// `npm run test:long` kills before every change.
killsOfRenew(false)
