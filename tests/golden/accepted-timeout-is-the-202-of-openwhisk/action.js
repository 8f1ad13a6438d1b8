function main() { return new Promise((resolve) => setTimeout(() => resolve({}), 3000)); }
