function main() { return { statusCode: 301, headers: { location: '/other' } }; }
