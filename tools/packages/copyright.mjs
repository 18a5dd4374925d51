// debian/copyright of the package.

/** As package.json has it. */
export const COPYRIGHT = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: dnstap-bgp

Files: *
Copyright: the authors of dnstap-bgp
License: Expat
 Permission is hereby granted, free of charge, to any person obtaining a copy
 of this software and associated documentation files (the "Software"), to deal
 in the Software without restriction, including without limitation the rights
 to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
 copies of the Software, and to permit persons to whom the Software is
 furnished to do so, subject to the following conditions:
 .
 The above copyright notice and this permission notice shall be included in all
 copies or substantial portions of the Software.
 .
 THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
 IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
 FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
 AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
 LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
 OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
 SOFTWARE.

Files: usr/lib/dnstap-bgp/*/node_modules/*
Copyright: the authors of each package, as its package.json and LICENSE name them
License: each-package
 The package.json and the LICENSE in the folder of each package say it.

Files: usr/lib/dnstap-bgp/node
Copyright: Node.js contributors, and those whom /usr/share/doc/dnstap-bgp/LICENSE.node names
License: node
 /usr/share/doc/dnstap-bgp/LICENSE.node has all of it.

Files: usr/lib/dnstap-bgp/*/*.js
Copyright: the authors of dnstap-bgp, and of the packages that NOTICE names
License: each-bundled-package
 /usr/share/doc/dnstap-bgp/NOTICE has the name, version and licence of each package that is in these files.
`
