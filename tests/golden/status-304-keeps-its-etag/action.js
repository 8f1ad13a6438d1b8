function main() { return { statusCode: 304, headers: { etag: '"1"' } }; }
