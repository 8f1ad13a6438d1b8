function main() { return { statusCode: 302, headers: { location: '/other' } }; }
