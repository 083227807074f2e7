import { killsOfPassphrase } from './passphrase-kills.ts'

// `npm run test:long` kills before every change.
killsOfPassphrase(false)
