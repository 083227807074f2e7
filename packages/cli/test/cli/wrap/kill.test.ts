import { killsOfWrap } from './kills.ts'

// `npm run test:long` kills before every change.
killsOfWrap(23)
