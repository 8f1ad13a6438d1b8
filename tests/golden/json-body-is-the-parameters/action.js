function main({ name }) { return { greeting: `Hello, ${name}` }; }
