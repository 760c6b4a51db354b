//! The names of elements that a browser knows, so that the sanitiser can tell markup from code and arithmetic.
//!
//! HTML is the living standard with its obsolete elements, SVG is 1.1 and 2, MathML is the presentation set with
//! `semantics`. Left out are names that no browser ever gave a meaning of their own or gives one no longer (`content`,
//! `element`, `unknown`, `handler` …): they are everyday words of code (`Vec<Element>`, `Promise<unknown>`), and with an attribute
//! they are disarmed like any other name.

/// Whether `name` is an element of HTML, SVG or MathML, in any case.
pub(super) fn is_known(name: &str) -> bool {
    KNOWN
        .binary_search_by(|known| {
            known
                .bytes()
                .cmp(name.bytes().map(|byte| byte.to_ascii_lowercase()))
        })
        .is_ok()
}

/// In lower case and sorted by bytes, for the binary search.
#[rustfmt::skip]
pub(super) const KNOWN: &[&str] = &[
    "a", "abbr", "acronym", "address", "altglyph", "altglyphdef", "altglyphitem", "animate", "animatecolor",
    "animatemotion", "animatetransform", "annotation", "annotation-xml", "applet", "area", "article", "aside",
    "audio", "b", "base", "basefont", "bdi", "bdo", "bgsound", "big", "blink", "blockquote", "body", "br", "button",
    "canvas", "caption", "center", "circle", "cite", "clippath", "code", "col", "colgroup", "color-profile", "cursor",
    "data", "datalist", "dd", "defs", "del", "desc", "details", "dfn", "dialog", "dir", "discard", "div", "dl", "dt",
    "ellipse", "em", "embed", "feblend", "fecolormatrix", "fecomponenttransfer", "fecomposite", "feconvolvematrix",
    "fediffuselighting", "fedisplacementmap", "fedistantlight", "fedropshadow", "feflood", "fefunca", "fefuncb",
    "fefuncg", "fefuncr", "fegaussianblur", "feimage", "femerge", "femergenode", "femorphology", "fencedframe",
    "feoffset", "fepointlight", "fespecularlighting", "fespotlight", "fetile", "feturbulence", "fieldset",
    "figcaption", "figure", "filter", "font", "font-face", "font-face-format", "font-face-name", "font-face-src",
    "font-face-uri", "footer", "foreignobject", "form", "frame", "frameset", "g", "glyph", "glyphref", "h1", "h2",
    "h3", "h4", "h5", "h6", "hatch", "hatchpath", "head", "header", "hgroup", "hkern", "hr", "html", "i", "iframe",
    "image", "img", "input", "ins", "isindex", "kbd", "keygen", "label", "legend", "li", "line", "lineargradient",
    "link", "listing", "maction", "main", "maligngroup", "malignmark", "map", "mark", "marker", "marquee", "mask",
    "math", "menclose", "menu", "menuitem", "merror", "mesh", "meshgradient", "meshpatch", "meshrow", "meta",
    "metadata", "meter", "mfenced", "mfrac", "mglyph", "mi", "missing-glyph", "mlabeledtr", "mlongdiv",
    "mmultiscripts", "mn", "mo", "mover", "mpadded", "mpath", "mphantom", "mprescripts", "mroot", "mrow", "ms",
    "mscarries", "mscarry", "msgroup", "msline", "mspace", "msqrt", "msrow", "mstack", "mstyle", "msub", "msubsup",
    "msup", "mtable", "mtd", "mtext", "mtr", "multicol", "munder", "munderover", "nav", "nextid", "nobr", "noembed",
    "noframes", "none", "noscript", "object", "ol", "optgroup", "option", "output", "p", "param", "path", "pattern",
    "picture", "plaintext", "polygon", "polyline", "portal", "pre", "progress", "q", "radialgradient", "rb", "rbc",
    "rect", "rp", "rt", "rtc", "ruby", "s", "samp", "script", "search", "section", "select", "selectedcontent",
    "semantics", "set", "slot", "small", "solidcolor", "source", "spacer", "span", "stop", "strike", "strong",
    "style", "sub", "summary", "sup", "svg", "switch", "symbol", "table", "tbody", "td", "template", "text",
    "textarea", "textpath", "tfoot", "th", "thead", "time", "title", "tr", "track", "tref", "tspan", "tt", "u", "ul",
    "use", "var", "video", "view", "vkern", "wbr", "xmp",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_in_lower_case() {
        assert!(KNOWN.is_sorted_by(|a, b| a < b), "sorted, without repeats");
        assert!(
            KNOWN
                .iter()
                .all(|name| !name.bytes().any(|b| b.is_ascii_uppercase()))
        );
    }

    #[test]
    fn lookup_ignores_case() {
        for name in [
            "b",
            "IMG",
            "sVg",
            "foreignObject",
            "font-face",
            "annotation-XML",
            "h1",
        ] {
            assert!(is_known(name), "{name}");
        }
        for name in ["", "y", "string", "x-card", "bold", "h7", "é"] {
            assert!(!is_known(name), "{name}");
        }
    }
}
