import { killsOfPolicy } from './kills.ts'

// `npm run test:long` kills before every change.
killsOfPolicy(false)
