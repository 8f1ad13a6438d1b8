function main() { return Promise.reject("later"); }
