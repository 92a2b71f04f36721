// The page: makes a file, uploads it by Uppy to where its own address says, and tells how it went.
import Uppy from '@uppy/core'
import Tus from '@uppy/tus'

const wish = new URLSearchParams(location.search)
const tell = (line) => fetch('/', { method: 'POST', body: line })

// Byte i of the file is (i * 31 + (i >> 13)) mod 251: the test makes the same.
const bytes = new Uint8Array(Number(wish.get('length')))
for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 31 + (i >> 13)) % 251

const uppy = new Uppy()
uppy.use(Tus, {
  endpoint: wish.get('endpoint'),
  chunkSize: 8 * 1024 * 1024,
  retryDelays: Array(Number(wish.get('retries') ?? 60)).fill(250),
})
uppy.on('error', (error) => tell(`error ${error.message}`))
uppy.addFile({ name: wish.get('name'), type: 'application/octet-stream', data: new Blob([bytes]) })
const { successful, failed } = await uppy.upload()
await tell(failed.length ? `failed ${failed[0].error}` : `uploaded ${successful[0].uploadURL}`)
