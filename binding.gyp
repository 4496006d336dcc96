# Builds build/Release/mlpconv_onednn.node and puts oneDNN's library beside it, so that the folder is whole.
{
  'variables': {
    'onednn_library': '<!(node scripts/onednn.mjs --lib)',
    # Flags are pasted into a shell's line: spaces in paths need a backslash.
    'onednn_flag': "<!(node scripts/onednn.mjs --lib | sed 's/ /\\\\ /g')",
    'onednn_include_flag': "-isystem<!(node scripts/onednn.mjs --include | sed 's/ /\\\\ /g')",
    'napi_include_flag': "-isystem<!(node -p \"path.dirname(require.resolve('node-addon-api/package.json'))\" | sed 's/ /\\\\ /g')",
  },
  'targets': [
    {
      'target_name': 'mlpconv_onednn',
      'sources': [
        '<!@(node -p "[\'napi\', \'core\', \'onednn\', \'onednn/pointwise\', \'onednn/simd\', \'onednn/winograd\'].flatMap((folder) => fs.readdirSync(\'native/\' + folder).filter((file) => file.endsWith(\'.cc\')).map((file) => \'native/\' + folder + \'/\' + file)).join(\' \')")',
      ],
      'defines': [
        'NAPI_VERSION=8',
        'NODE_ADDON_API_CPP_EXCEPTIONS',
        # A worker that is being terminated takes no exceptions any more.
        'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
      ],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20', '-fno-exceptions', '-fno-rtti', '-Wno-unused-parameter'],
      'cflags!': ['-Wno-unused-parameter'],
      'cflags_cc': [
        '-std=c++20', '-O3', '-fopenmp', '-fvisibility=hidden', '-Wall', '-Wextra', '-Werror',
        '<(napi_include_flag)', '<(onednn_include_flag)',
      ],
      # Linked by its path; found at run time by its soname.
      'libraries': ['<(onednn_flag)'],
      'actions': [
        {
          # Not 'copies', which would link to a link. The library is no input, since those may have no space in their path;
          # another path is another command, which is run again.
          'action_name': 'copy oneDNN',
          'inputs': ['binding.gyp'],
          'outputs': ['<(PRODUCT_DIR)/<!(node -p "path.basename(process.argv[1])" "<(onednn_library)")'],
          'action': ['node', '-e', 'fs.copyFileSync(process.argv[1], process.argv[2])', '<(onednn_library)', '<@(_outputs)'],
        },
      ],
      'conditions': [
        ['OS == "linux"', {
          # GCC 12 sees overlaps in std::string's operator+ that are not there (its bug 105651).
          'cflags_cc': ['-Wno-restrict'],
          'ldflags': [
            '-fopenmp',
            "-Wl,-rpath,'$$ORIGIN'",
            # OpenMP's pool threads outlive an unload, so the code that they run must stay.
            '-Wl,-z,nodelete',
          ],
        }],
        ['OS == "mac"', {
          'xcode_settings': {
            'CLANG_CXX_LANGUAGE_STANDARD': 'c++20',
            'CLANG_CXX_LIBRARY': 'libc++',
            'GCC_ENABLE_CPP_EXCEPTIONS': 'YES',
            'GCC_ENABLE_CPP_RTTI': 'YES',
            'GCC_OPTIMIZATION_LEVEL': '3',
            'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
            'MACOSX_DEPLOYMENT_TARGET': '12.0',
            # Apple's compiler has OpenMP, but the library is Homebrew's libomp.
            'OTHER_CPLUSPLUSFLAGS': [
              '-Xpreprocessor', '-fopenmp', '-I<!(brew --prefix libomp)/include', '-Wall', '-Wextra', '-Werror',
              '<(napi_include_flag)', '<(onednn_include_flag)',
            ],
            'OTHER_LDFLAGS': ['-L<!(brew --prefix libomp)/lib', '-lomp', '-Wl,-rpath,@loader_path'],
          },
        }],
      ],
    },
  ],
}
