//! Tables as people may garble them.

use outrigger_config::Config;

/// Any text is a table or has problems that can be shown, and a table survives being written out.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match outrigger_config::parse("fuzzed.yaml", text) {
        Ok(config) => {
            let written = written(&config);
            // Compared in writing: the order of clusters means nothing and is not kept.
            match outrigger_config::parse("written.json", &written) {
                Ok(again) => assert_eq!(written, self::written(&again)),
                Err(problems) => panic!("a table is not read back: {problems}\n{written}"),
            }
        }
        Err(problems) => assert!(problems.to_string().contains("fuzzed.yaml"), "{problems}"),
    }
}

fn written(config: &Config) -> String {
    serde_json::to_string(config).expect("a table can be written")
}
