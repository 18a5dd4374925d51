export { escapeControls, escapeControlsInLines, foreignJson, foreignLines, foreignText } from './foreign-text.ts'
