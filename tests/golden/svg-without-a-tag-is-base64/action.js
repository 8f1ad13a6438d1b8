function main() { return {"body":"PHN2Zy8+","headers":{"content-type":"image/svg+xml"}}; }
