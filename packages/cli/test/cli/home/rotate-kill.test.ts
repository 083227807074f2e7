import { killsOfRotate } from './rotate-kills.ts'

// `npm run test:long` kills before every change.
killsOfRotate(false)
