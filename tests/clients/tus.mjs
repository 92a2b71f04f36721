// Uploads a file by tus-js-client and prints the upload's address: node tus.mjs CASE ENDPOINT FILE NAME [STORAGE]
import { createReadStream, readFileSync, statSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import { FileUrlStorage, Upload } from 'tus-js-client'

const [kind, endpoint, file, name, storage] = process.argv.slice(2)
const MiB = 1024 * 1024
const size = { uploadSize: statSync(file).size }
const retries = { retryDelays: Array(40).fill(250) }

const kinds = {
  whole: size,
  chunked: { ...size, chunkSize: 5 * MiB },
  parallel: { parallelUploads: 4 },
  // A stream whose length nobody knows. With a file's own stream the client would declare another length than it sends.
  deferred: { uploadLengthDeferred: true, chunkSize: 5 * MiB },
  creation: { ...size, uploadDataDuringCreation: true },
  draft: { ...size, protocol: 'ietf-draft-05' },
  'draft-chunked': { ...size, protocol: 'ietf-draft-05', chunkSize: 5 * MiB },
  'draft-stream-chunked': { ...size, protocol: 'ietf-draft-05', chunkSize: 5 * MiB },
  stubborn: { ...size, chunkSize: 5 * MiB, ...retries },
  'stubborn-whole': { ...size, ...retries },
  aborted: { ...size, chunkSize: MiB },
  resumed: { ...size, chunkSize: MiB },
}

const sources = {
  deferred: () => createReadStream(file).pipe(new PassThrough()),
  // Of a file's stream in chunks the client never calls one the last, and so never says by the draft that it is done:
  // `draft-stream-chunked`.
  'draft-chunked': () => readFileSync(file),
}
const source = (sources[kind] ?? (() => createReadStream(file)))()
const upload = new Upload(source, {
  endpoint,
  retryDelays: null,
  metadata: { filename: name, filetype: 'application/octet-stream' },
  ...kinds[kind],
  ...(storage && { urlStorage: new FileUrlStorage(storage), fingerprint: async () => name }),
  onChunkComplete(_, accepted) {
    if (kind !== 'aborted' || accepted < 3 * MiB) return
    console.log(upload.url)
    process.exit(0)
  },
  onSuccess() {
    console.log(upload.url)
  },
  onError(error) {
    console.error(error.message)
    process.exit(1)
  },
})

if (kind === 'resumed') {
  const [previous] = await upload.findPreviousUploads()
  upload.resumeFromPreviousUpload(previous)
}
upload.start()
