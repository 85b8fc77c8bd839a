//! Writing the XML of the query protocol.

/// XML text under construction.
#[derive(Debug, Default)]
pub(crate) struct Xml(String);

impl Xml {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// `<name>text</name>`, escaped.
    #[expect(clippy::needless_pass_by_value, reason = "accepts literals, references and owned texts alike")]
    pub(crate) fn leaf(&mut self, name: &str, text: impl ToString) {
        self.open(name);
        escape(&mut self.0, &text.to_string());
        self.close(name);
    }

    /// A leaf, if there is a text.
    pub(crate) fn maybe(&mut self, name: &str, text: Option<impl ToString>) {
        if let Some(text) = text {
            self.leaf(name, text);
        }
    }

    /// An element whose content `fill` writes.
    pub(crate) fn node(&mut self, name: &str, fill: impl FnOnce(&mut Self)) {
        self.open(name);
        fill(self);
        self.close(name);
    }

    /// An element that holds one child per item.
    pub(crate) fn list<T>(
        &mut self,
        name: &str,
        child: &str,
        items: impl IntoIterator<Item = T>,
        mut fill: impl FnMut(&mut Self, T),
    ) {
        self.node(name, |xml| {
            for item in items {
                xml.node(child, |xml| fill(xml, item));
            }
        });
    }

    /// Appends another piece of XML to the present element.
    pub(crate) fn append(&mut self, other: &Self) {
        self.0.push_str(&other.0);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends text to the present element.
    pub(crate) fn write(&mut self, text: &str) {
        escape(&mut self.0, text);
    }

    pub(crate) fn finish(self) -> String {
        self.0
    }

    fn open(&mut self, name: &str) {
        self.0.push('<');
        self.0.push_str(name);
        self.0.push('>');
    }

    fn close(&mut self, name: &str) {
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }
}

fn escape(to: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => to.push_str("&amp;"),
            '<' => to.push_str("&lt;"),
            '>' => to.push_str("&gt;"),
            '"' => to.push_str("&quot;"),
            '\r' => to.push_str("&#xD;"),
            other => to.push(other),
        }
    }
}
