function main() { return { error: "boom", dropped: true }; }
